package domains.members_test

import data.domains.members
import rego.v1

subject(groups) := {"id": "x", "kind": "user", "groups": groups, "attributes": {"regions": ["EU"]}}

column(name, tags) := {"name": name, "field_id": 1, "type": "varchar", "required": false, "tags": tags}

question(groups, purpose, tags, columns) := {
	"schema": 1, "channel": "gateway", "purpose": purpose,
	"subject": subject(groups),
	"time": {"date": "2026-11-20", "hour": 10, "weekday": 5},
	"table": {"fqn": "lake.members.t", "kind": "table", "domain": "members", "tags": tags, "columns": columns},
	"grants": [],
}

test_access_is_denied_without_group if {
	decision := members.decision with input as question([], "unspecified", [], [])
	decision.grants == set()
}

test_analysts_get_their_standing_grant if {
	decision := members.decision with input as question(["analysts"], "unspecified", [], [])
	decision.grants == {"standing:analysts"}
}

test_the_team_is_not_masked if {
	decision := members.decision with input as question(["members-team"], "unspecified", [], [column("member_id", ["pii.id"])])
	decision.grants == {"standing:team"}
	decision.masks == {}
}

test_others_see_their_regions if {
	columns := [column("region", [])]
	decision := members.decision with input as question(["analysts"], "unspecified", ["region_scoped"], columns)
	some rule in decision.row_filters
	rule.condition.value == ["EU"]
}

test_region_scoped_without_region_is_denied if {
	decision := members.decision with input as question(["analysts"], "unspecified", ["region_scoped"], [])
	count(decision.deny) == 1
}

test_identifiers_are_tokens if {
	columns := [column("member_id", ["pii.id"])]
	decision := members.decision with input as question(["analysts"], "unspecified", [], columns)
	some rule in decision.masks.member_id
	rule.kind == "token"
}

test_personal_data_is_masked if {
	columns := [
		column("first_name", ["pii.name"]), column("email", ["pii.email"]),
		column("phone", ["pii.phone"]), column("birth_date", ["pii.birth_date"]),
	]
	decision := members.decision with input as question(["analysts"], "unspecified", [], columns)
	kinds := {rule.kind | some name in object.keys(decision.masks); some rule in decision.masks[name]}
	kinds == {"partial", "email-domain", "show-last-4", "truncate-to-year"}
}
