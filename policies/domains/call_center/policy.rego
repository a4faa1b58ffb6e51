# METADATA
# title: Call center
# custom:
#   owner: call_center-stewards
#   standing: {team: [call-center-team], operations: [operations]}
package domains.call_center

import rego.v1

decision := {
	"grants": grants, "rights": rights, "deny": deny, "row_filters": row_filters,
	"masks": masks, "deny_columns": {}, "obligations": set(),
}

team if "call-center-team" in input.subject.groups

# METADATA
# title: Every dated grant a steward approved is honoured
grants contains g.id if some g in input.grants

# METADATA
# title: The domain's own team
grants contains "standing:team" if team

# METADATA
# title: Operations plans staffing, within the limits below
grants contains "standing:operations" if "operations" in input.subject.groups

# METADATA
# title: The team may look at files and snapshots
rights contains "metadata" if team

regions := object.get(input.subject.attributes, "regions", [])

# METADATA
# title: Staff data is for the team
deny contains {"id": "staff", "reason": {"message": "staff data is for the team"}} if {
	"hr" in input.table.tags
	not team
}

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
# title: Identifiers become tokens that join across domains
masks[c.name] contains {"id": "identifier", "kind": "token", "params": {}, "reason": {"message": "identifiers are tokens", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.id" in c.tags
}

# METADATA
# title: What was said stays with the team
masks[c.name] contains {"id": "free-text", "kind": "replace-with-null", "params": {}, "reason": {"message": "free text may name people", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.free_text" in c.tags
}
