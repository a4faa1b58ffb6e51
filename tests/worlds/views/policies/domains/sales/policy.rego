# METADATA
# title: Sales
# custom:
#   owner: sales-stewards
#   standing: {analysts: [analysts], team: [sales-team]}
package domains.sales

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": deny, "row_filters": row_filters,
	"masks": masks, "deny_columns": deny_columns, "obligations": obligations,
}

team if "sales-team" in input.subject.groups

grants contains "standing:analysts" if "analysts" in input.subject.groups

grants contains "standing:team" if team

deny contains {"id": "closed", "reason": {"message": "the team's own"}} if {
	not team
	"closed" in input.table.tags
}

row_filters contains {
	"id": "region",
	"condition": {"type": "field", "operator": "eq", "field": "region", "value": "EU"},
	"reason": {"message": "only Europe", "disclose": true},
} if {
	not team
	"region_scoped" in input.table.tags
}

row_filters contains {
	"id": "large",
	"condition": {"type": "field", "operator": "gte", "field": "total", "value": "100.00"},
	"reason": {"message": "only large orders", "disclose": true},
} if {
	not team
	"large_only" in input.table.tags
}

masks[c.name] contains {"id": "name", "kind": "partial", "params": {"n": 1, "side": "first"}, "reason": {"message": "names keep one letter", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.name" in c.tags
}

deny_columns[c.name] contains {"id": "secret", "reason": {"message": "the team's own"}} if {
	not team
	some c in input.table.columns
	"secret" in c.tags
}

obligations contains {"id": "group", "kind": "min_group_size", "params": {"value": 5, "entity": "id"}, "reason": {"message": "five or more"}} if {
	not team
	"counted" in input.table.tags
}

obligations contains {"id": "narrow", "kind": "require_filter", "params": {"columns": ["id"]}, "reason": {"message": "one at a time"}} if {
	not team
	"narrow" in input.table.tags
}
