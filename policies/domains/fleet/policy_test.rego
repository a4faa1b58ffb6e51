package domains.fleet_test

import data.domains.fleet
import rego.v1

subject(groups) := {"id": "x", "kind": "user", "groups": groups, "attributes": {"regions": ["EU"]}}

column(name, tags) := {"name": name, "field_id": 1, "type": "varchar", "required": false, "tags": tags}

question(groups, purpose, tags, columns) := {
	"schema": 1, "channel": "gateway", "purpose": purpose,
	"subject": subject(groups),
	"time": {"date": "2026-11-20", "hour": 10, "weekday": 5},
	"table": {"fqn": "lake.fleet.t", "kind": "table", "domain": "fleet", "tags": tags, "columns": columns},
	"grants": [],
}

test_access_is_denied_without_group if {
	decision := fleet.decision with input as question([], "unspecified", [], [])
	decision.grants == set()
}

test_analysts_get_their_standing_grant if {
	decision := fleet.decision with input as question(["analysts"], "unspecified", [], [])
	decision.grants == {"standing:analysts"}
}

test_the_team_is_not_masked if {
	decision := fleet.decision with input as question(["fleet-team"], "unspecified", [], [column("member_id", ["pii.id"])])
	decision.grants == {"standing:team"}
	decision.masks == {}
}
