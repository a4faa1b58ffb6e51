package domains.call_center_test

import data.domains.call_center
import rego.v1

subject(groups) := {"id": "x", "kind": "user", "groups": groups, "attributes": {"regions": ["EU"]}}

column(name, tags) := {"name": name, "field_id": 1, "type": "varchar", "required": false, "tags": tags}

question(groups, purpose, tags, columns) := {
	"schema": 1, "channel": "gateway", "purpose": purpose,
	"subject": subject(groups),
	"time": {"date": "2026-11-20", "hour": 10, "weekday": 5},
	"table": {"fqn": "lake.call_center.t", "kind": "table", "domain": "call_center", "tags": tags, "columns": columns},
	"grants": [],
}

test_access_is_denied_without_group if {
	decision := call_center.decision with input as question([], "unspecified", [], [])
	decision.grants == set()
}

test_operations_get_their_standing_grant if {
	decision := call_center.decision with input as question(["operations"], "unspecified", [], [])
	decision.grants == {"standing:operations"}
}

test_the_team_is_not_masked if {
	decision := call_center.decision with input as question(["call-center-team"], "unspecified", [], [column("member_id", ["pii.id"])])
	decision.grants == {"standing:team"}
	decision.masks == {}
}

test_others_see_their_regions if {
	columns := [column("region", [])]
	decision := call_center.decision with input as question(["operations"], "unspecified", ["region_scoped"], columns)
	some rule in decision.row_filters
	rule.condition.value == ["EU"]
}

test_region_scoped_without_region_is_denied if {
	decision := call_center.decision with input as question(["operations"], "unspecified", ["region_scoped"], [])
	count(decision.deny) == 1
}

test_identifiers_are_tokens if {
	columns := [column("member_id", ["pii.id"])]
	decision := call_center.decision with input as question(["operations"], "unspecified", [], columns)
	some rule in decision.masks.member_id
	rule.kind == "token"
}

test_free_text_is_nothing_to_others if {
	columns := [column("transcript", ["pii.free_text"])]
	decision := call_center.decision with input as question(["operations"], "unspecified", [], columns)
	some rule in decision.masks.transcript
	rule.kind == "replace-with-null"
}

test_staff_data_is_denied_to_others if {
	decision := call_center.decision with input as question(["operations"], "unspecified", ["hr"], [])
	some rule in decision.deny
	rule.id == "staff"
}
