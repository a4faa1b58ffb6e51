# METADATA
# title: Members
# custom:
#   owner: members-stewards
#   standing: {care: [care]}
package domains.members

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": row_filters,
	"masks": masks, "deny_columns": {}, "obligations": set(),
}

grants contains g.id if some g in input.grants

grants contains "standing:care" if "care" in input.subject.groups

row_filters contains {
	"id": "named",
	"condition": {"type": "compound", "operator": "not", "value": [
		{"type": "field", "operator": "contains", "field": "city", "value": "test"},
	]},
	"reason": {"message": "no test members"},
} if {
	input.table.fqn == "health.members.members"
}

masks[c.name] contains {"id": "name", "kind": "show-first-4", "params": {}, "reason": {"message": "shortened names", "disclose": true}} if {
	not "doctors" in input.subject.groups
	some c in input.table.columns
	c.name == "name"
}

masks[c.name] contains {"id": "born", "kind": "truncate-to-month", "params": {}, "reason": {"message": "month of birth", "disclose": true}} if {
	not "doctors" in input.subject.groups
	some c in input.table.columns
	c.name == "born"
}
