# METADATA
# title: Sales
# custom:
#   owner: sales-stewards
#   standing: {analysts: [analysts], team: [sales-team], audit: [auditors]}
package domains.sales

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": deny, "row_filters": row_filters,
	"masks": masks, "deny_columns": deny_columns, "obligations": set(),
}

team if "sales-team" in input.subject.groups

analyst if "analysts" in input.subject.groups

regions := object.get(input.subject.attributes, "regions", [])

grants contains g.id if some g in input.grants

grants contains "standing:analysts" if analyst

grants contains "standing:team" if team

grants contains "standing:audit" if "auditors" in input.subject.groups

deny contains {"id": "ledger", "reason": {"message": "the ledger is the team's", "disclose": false}} if {
	not team
	input.table.fqn == "lake.sales.ledger"
}

row_filters contains {
	"id": "region",
	"condition": {"type": "field", "operator": "in", "field": "region", "value": regions},
	"reason": {"message": "only your regions", "disclose": true},
} if {
	analyst
	"region_scoped" in input.table.tags
}

row_filters contains {
	"id": "audit",
	"condition": {"type": "compound", "operator": "or", "value": [
		{"type": "field", "operator": "gte", "field": "total", "value": "1000.00"},
		{"type": "field", "operator": "startswith", "field": "status", "value": "re"},
	]},
	"reason": {"message": "large or returned orders", "disclose": true},
} if {
	"auditors" in input.subject.groups
	"region_scoped" in input.table.tags
}

masks[c.name] contains {"id": "identifier", "kind": "token", "params": {}, "reason": {"message": "identifiers are tokens", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.id" in c.tags
}

masks[c.name] contains {"id": "free-text", "kind": "replace-with-null", "params": {}, "reason": {"message": "free text may name people", "disclose": true}} if {
	not team
	some c in input.table.columns
	"free-text" in c.tags
}

masks[c.name] contains {"id": "amount", "kind": "bucket", "params": {"width": 10}, "reason": {"message": "amounts are rounded", "disclose": true}} if {
	"partners" in input.subject.groups
	some c in input.table.columns
	"amount" in c.tags
}

deny_columns[c.name] contains {"id": "secret", "reason": {"message": "the team's own"}} if {
	not team
	some c in input.table.columns
	"secret" in c.tags
}
