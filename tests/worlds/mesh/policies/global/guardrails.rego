# METADATA
# title: Identifiers are tokens everywhere
# custom:
#   owner: platform
package global.guardrails

import rego.v1

decision := {
	"deny": set(), "row_filters": set(), "masks": masks,
	"deny_columns": {}, "obligations": set(),
}

masks[c.name] contains {"id": "identifier", "kind": "token", "params": {}, "reason": {"message": "identifiers are tokens", "disclose": true}} if {
	not "doctors" in input.subject.groups
	some c in input.table.columns
	"pii.id" in c.tags
}
