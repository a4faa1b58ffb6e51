# METADATA
# title: What each person may see of each table, as listed
# custom:
#   owner: drawn-stewards
#   standing: {drawn: [drawn]}
package domains.drawn

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": row_filters,
	"masks": masks, "deny_columns": deny_columns, "obligations": set(),
}

who := object.get(input.subject.attributes, "who", "")

rules := data.config.drawn[who][input.table.fqn]

grants contains "standing:drawn" if {
	"drawn" in input.subject.groups
	object.get(rules, "deny", false) == false
}

row_filters contains {
	"id": "listed", "condition": rules.filter,
	"reason": {"message": "listed for this person"},
} if {
	rules.filter
}

masks[rule.column] contains {
	"id": "listed", "kind": rule.kind, "params": rule.params,
	"reason": {"message": "listed for this person"},
} if {
	some rule in rules.masks
}

deny_columns[name] contains {"id": "hidden", "reason": {"message": "hidden"}} if {
	some name in rules.hidden
}
