# METADATA
# title: Airports and weather
# custom:
#   owner: places-stewards
#   standing: {team: [places-team], analysts: [analysts]}
package domains.places

import rego.v1

decision := {
	"grants": grants, "rights": rights, "deny": set(), "row_filters": set(),
	"masks": {}, "deny_columns": {}, "obligations": set(),
}

team if "places-team" in input.subject.groups

# METADATA
# title: Every dated grant a steward approved is honoured
grants contains g.id if some g in input.grants

# METADATA
# title: The domain's own team
grants contains "standing:team" if team

# METADATA
# title: Open to analysts
grants contains "standing:analysts" if "analysts" in input.subject.groups

# METADATA
# title: The team may look at files and snapshots
rights contains "metadata" if team
