# METADATA
# title: What real clients read
# custom:
#   owner: tests
#   standing: {whole: [whole], part: [part]}
package domains.captures

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": row_filters,
	"masks": masks, "deny_columns": {}, "obligations": set(),
}

grants contains "standing:whole" if "whole" in input.subject.groups

grants contains "standing:part" if "part" in input.subject.groups

# METADATA
# title: Europe alone
row_filters contains {
	"id": "europe",
	"condition": {"type": "compound", "operator": "or", "value": [
		{"type": "field", "operator": "eq", "field": "region", "value": "EU"},
		{"type": "field", "operator": "startswith", "field": "region", "value": "DE"},
	]},
	"reason": {"message": "Europe alone"},
} if {
	"part" in input.subject.groups
	some c in input.table.columns
	c.name == "region"
}

# METADATA
# title: Codes keep four characters
masks[c.name] contains {"id": "code", "kind": "partial", "params": {"n": 4, "side": "last"}, "reason": {"message": "codes keep four characters"}} if {
	"part" in input.subject.groups
	some c in input.table.columns
	c.name in {"code", "ssn"}
}
