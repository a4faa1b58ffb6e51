package domains.claims_test

import data.domains.claims
import rego.v1

subject(groups) := {"id": "x", "kind": "user", "groups": groups, "attributes": {"regions": ["EU"]}}

column(name, tags) := {"name": name, "field_id": 1, "type": "varchar", "required": false, "tags": tags}

question(groups, purpose, tags, columns) := {
	"schema": 1, "channel": "gateway", "purpose": purpose,
	"subject": subject(groups),
	"time": {"date": "2026-11-20", "hour": 10, "weekday": 5},
	"table": {"fqn": "lake.claims.t", "kind": "table", "domain": "claims", "tags": tags, "columns": columns},
	"grants": [],
}

test_access_is_denied_without_group if {
	decision := claims.decision with input as question([], "unspecified", [], [])
	decision.grants == set()
}

test_analysts_get_their_standing_grant if {
	decision := claims.decision with input as question(["analysts"], "unspecified", [], [])
	decision.grants == {"standing:analysts"}
}

test_the_team_is_not_masked if {
	decision := claims.decision with input as question(["claims-team"], "unspecified", [], [column("member_id", ["pii.id"])])
	decision.grants == {"standing:team"}
	decision.masks == {}
}

test_others_see_their_regions if {
	columns := [column("region", [])]
	decision := claims.decision with input as question(["analysts"], "unspecified", ["region_scoped"], columns)
	some rule in decision.row_filters
	rule.condition.value == ["EU"]
}

test_region_scoped_without_region_is_denied if {
	decision := claims.decision with input as question(["analysts"], "unspecified", ["region_scoped"], [])
	count(decision.deny) == 1
}

test_identifiers_are_tokens if {
	columns := [column("member_id", ["pii.id"])]
	decision := claims.decision with input as question(["analysts"], "unspecified", [], columns)
	some rule in decision.masks.member_id
	rule.kind == "token"
}

test_health_data_is_denied_without_purpose_care if {
	columns := [column("diagnosis", ["phi.diagnosis"])]
	refused := claims.decision with input as question(["analysts"], "fraud", [], columns)
	count(refused.deny_columns.diagnosis) == 1
	allowed := claims.decision with input as question(["analysts"], "care", [], columns)
	allowed.deny_columns == {}
}

test_amounts_are_rounded_except_for_fraud if {
	columns := [column("paid", [])]
	rounded := claims.decision with input as question(["analysts"], "unspecified", [], columns)
	some rule in rounded.masks.paid
	rule.kind == "bucket"
	exact := claims.decision with input as question(["analysts"], "fraud", [], columns)
	exact.masks == {}
}
