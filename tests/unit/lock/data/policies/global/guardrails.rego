# METADATA
# title: Nothing of its own
# custom:
#   owner: platform
package global.guardrails

import rego.v1

decision := {
	"deny": set(), "row_filters": set(), "masks": {},
	"deny_columns": {}, "obligations": set(),
}
