# METADATA
# title: Members
# custom:
#   owner: members-stewards
#   standing: {team: [members-team], analysts: [analysts]}
package domains.members

import rego.v1

decision := {
	"grants": grants, "rights": rights, "deny": deny, "row_filters": row_filters,
	"masks": masks, "deny_columns": {}, "obligations": set(),
}

team if "members-team" in input.subject.groups

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

regions := object.get(input.subject.attributes, "regions", [])

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
# title: Names keep their first letter
masks[c.name] contains {"id": "name", "kind": "partial", "params": {"n": 1, "side": "first"}, "reason": {"message": "names keep their first letter", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.name" in c.tags
}

# METADATA
# title: Mail addresses keep their domain
masks[c.name] contains {"id": "mail", "kind": "email-domain", "params": {}, "reason": {"message": "mail addresses keep their domain", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.email" in c.tags
}

# METADATA
# title: Telephone numbers keep their last four digits
masks[c.name] contains {"id": "phone", "kind": "show-last-4", "params": {}, "reason": {"message": "telephone numbers keep their last four digits", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.phone" in c.tags
}

# METADATA
# title: Birth dates keep their year
masks[c.name] contains {"id": "birth-date", "kind": "truncate-to-year", "params": {}, "reason": {"message": "birth dates keep their year", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.birth_date" in c.tags
}
