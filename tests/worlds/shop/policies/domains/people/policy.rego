# METADATA
# title: People
# custom:
#   owner: people-stewards
#   standing: {analysts: [analysts], team: [people-team]}
package domains.people

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": deny, "row_filters": set(),
	"masks": masks, "deny_columns": deny_columns, "obligations": set(),
}

team if "people-team" in input.subject.groups

grants contains g.id if some g in input.grants

grants contains "standing:analysts" if "analysts" in input.subject.groups

grants contains "standing:team" if team

deny contains {"id": "staff", "reason": {"message": "staff data is the team's"}} if {
	not team
	input.table.product.key == "staff"
}

masks[c.name] contains {"id": "identifier", "kind": "token", "params": {}, "reason": {"message": "identifiers are tokens", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.id" in c.tags
}

masks[c.name] contains {"id": "name", "kind": "partial", "params": {"n": 1, "side": "first"}, "reason": {"message": "names keep one letter", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.name" in c.tags
}

masks[c.name] contains {"id": "mail", "kind": "email-domain", "params": {}, "reason": {"message": "mail keeps its domain", "disclose": true}} if {
	not team
	some c in input.table.columns
	"pii.email" in c.tags
}

masks[c.name] contains {"id": "birthday", "kind": "truncate-to-year", "params": {}, "reason": {"message": "only the year", "disclose": true}} if {
	not team
	some c in input.table.columns
	"birthday" in c.tags
}

deny_columns[c.name] contains {"id": "secret", "reason": {"message": "the team's own"}} if {
	not team
	some c in input.table.columns
	"secret" in c.tags
}
