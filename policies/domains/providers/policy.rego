# METADATA
# title: Providers and their contracts
# custom:
#   owner: providers-stewards
#   standing: {team: [providers-team], analysts: [analysts]}
package domains.providers

import rego.v1

decision := {
	"grants": grants, "rights": rights, "deny": set(), "row_filters": set(),
	"masks": masks, "deny_columns": {}, "obligations": set(),
}

team if "providers-team" in input.subject.groups

# METADATA
# title: Every dated grant a steward approved is honoured
grants contains g.id if some g in input.grants

# METADATA
# title: The domain's own team
grants contains "standing:team" if team

# METADATA
# title: Analysts see what is not confidential
grants contains "standing:analysts" if {
	"analysts" in input.subject.groups
	not "confidential" in input.table.tags
}

# METADATA
# title: The team may look at files and snapshots
rights contains "metadata" if team

# METADATA
# title: Whoever holds a grant on contracts still sees no terms
masks[c.name] contains {"id": "terms", "kind": "mask-to-fixed-value", "params": {}, "reason": {"message": "terms stay with the team", "disclose": true}} if {
	not team
	some c in input.table.columns
	"commercial" in c.tags
	c.name == "terms"
}
