# METADATA
# title: Claims
# custom:
#   owner: claims-stewards
#   standing: {team: [claims-team], analysts: [analysts]}
package domains.claims

import rego.v1

decision := {
	"grants": grants, "rights": rights, "deny": deny, "row_filters": row_filters,
	"masks": masks, "deny_columns": deny_columns, "obligations": set(),
}

team if "claims-team" in input.subject.groups

regions := object.get(input.subject.attributes, "regions", [])

# METADATA
# title: Every dated grant a steward approved is honoured
grants contains g.id if some g in input.grants

# METADATA
# title: The domain's own team
grants contains "standing:team" if team

# METADATA
# title: Analysts, within the limits below
grants contains "standing:analysts" if "analysts" in input.subject.groups

# METADATA
# title: The team may look at files and snapshots
rights contains "metadata" if team

# METADATA
# title: A table marked region_scoped without a region column is closed
deny contains {"id": "region-column", "reason": {"message": "marked region_scoped, but has no column region"}} if {
	"region_scoped" in input.table.tags
	count([c.name | some c in input.table.columns; c.name == "region"]) == 0
}

# METADATA
# title: Everybody else sees the regions they work for
row_filters contains {
	"id": "region",
	"condition": {"type": "field", "operator": "in", "field": "region", "value": regions},
	"reason": {"message": "only your regions", "disclose": true},
} if {
	not team
	"region_scoped" in input.table.tags
	some c in input.table.columns
	c.name == "region"
}

# METADATA
# title: Identifiers become tokens
masks[c.name] contains {"id": "identifier", "kind": "token", "params": {}, "reason": {"message": "identifiers are tokens", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.id" in c.tags
}

# METADATA
# title: Amounts are rounded, but not for fraud investigators
masks[c.name] contains {"id": "amount", "kind": "bucket", "params": {"width": data.config.claims.round_to}, "reason": {"message": "amounts are rounded down", "disclose": true}} if {
	not team
	input.purpose != "fraud"
	some c in input.table.columns
	c.name in data.config.claims.amounts
}

# METADATA
# title: Diagnoses and procedures need purpose care
deny_columns[c.name] contains {"id": "health", "reason": {"message": "health data needs purpose care", "disclose": true}} if {
	input.purpose != "care"
	not team
	some c in input.table.columns
	some tag in c.tags
	startswith(tag, "phi.")
}
