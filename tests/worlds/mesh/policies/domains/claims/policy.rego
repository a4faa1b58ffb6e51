# METADATA
# title: Claims
# custom:
#   owner: claims-stewards
#   standing: {care: [care]}
package domains.claims

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": deny, "row_filters": row_filters,
	"masks": masks, "deny_columns": deny_columns, "obligations": obligations,
}

regions := object.get(input.subject.attributes, "regions", [])

grants contains g.id if some g in input.grants

grants contains "standing:care" if "care" in input.subject.groups

deny contains {"id": "notes", "reason": {"message": "notes are closed"}} if {
	not "doctors" in input.subject.groups
	input.table.fqn == "health.claims.notes"
}

row_filters contains {
	"id": "region",
	"condition": {"type": "field", "operator": "in", "field": "region", "value": regions},
	"reason": {"message": "only your regions", "disclose": true},
} if {
	"region_scoped" in input.table.tags
}

row_filters contains {
	"id": "open",
	"condition": {"type": "compound", "operator": "or", "value": [
		{"type": "field", "operator": "eq", "field": "open", "value": true},
		{"type": "field", "operator": "lt", "field": "at", "value": "2026-01-01T00:00:00Z"},
	]},
	"reason": {"message": "open or old claims"},
} if {
	input.purpose == "study"
	"region_scoped" in input.table.tags
}

masks[c.name] contains {"id": "when", "kind": "date-trunc", "params": {"unit": "quarter"}, "reason": {"message": "only the quarter"}} if {
	input.purpose == "study"
	some c in input.table.columns
	c.name == "at"
}

deny_columns[c.name] contains {"id": "health", "reason": {"message": "diagnoses need purpose care", "disclose": true}} if {
	input.purpose != "care"
	some c in input.table.columns
	"health" in c.tags
}

obligations contains {"id": "group", "kind": "min_group_size", "params": {"value": 10, "entity": "claim_id"}, "reason": {"message": "ten claims or more"}} if {
	input.purpose == "study"
	"counted" in input.table.tags
}

obligations contains {"id": "narrow", "kind": "require_filter", "params": {"columns": ["kind"]}, "reason": {"message": "one kind at a time"}} if {
	input.purpose == "study"
	"narrow" in input.table.tags
}

obligations contains {"id": "few", "kind": "max_rows", "params": {"value": 2}, "reason": {"message": "two rows at most"}} if {
	input.purpose == "study"
	"narrow" in input.table.tags
}
