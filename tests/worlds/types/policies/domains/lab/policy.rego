# METADATA
# title: Every mask and every condition, chosen by the principal's attributes
# custom:
#   owner: lab-stewards
#   standing: {lab: [lab]}
package domains.lab

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": row_filters,
	"masks": masks, "deny_columns": deny_columns, "obligations": set(),
}

mask := object.get(input.subject.attributes, "mask", "")

filter := object.get(input.subject.attributes, "filter", "")

hide := object.get(input.subject.attributes, "hide", false)

grants contains "standing:lab" if "lab" in input.subject.groups

row_filters contains {
	"id": "chosen",
	"condition": data.config.lab.filters[filter],
	"reason": {"message": "chosen by the test"},
} if {
	filter != ""
}

masks[c.name] contains {
	"id": "chosen", "kind": rule.kind, "params": rule.params,
	"reason": {"message": "chosen by the test"},
} if {
	mask != ""
	some rule in data.config.lab.masks[mask]
	some c in input.table.columns
	rule.tag in c.tags
}

deny_columns[c.name] contains {"id": "hidden", "reason": {"message": "hidden"}} if {
	hide == true
	some c in input.table.columns
	"hidden" in c.tags
}
