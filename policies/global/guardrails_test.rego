package global.guardrails_test

import data.global.guardrails
import rego.v1

question(groups, kind, columns) := {
	"subject": {"id": "x", "kind": kind, "groups": groups, "attributes": {}},
	"table": {"columns": columns, "product": {"status": "active", "required_security_group": "analysts"}},
}

column(name, tag) := {"name": name, "tags": [tag]}

test_without_the_security_group_access_is_denied if {
	decision := guardrails.decision with input as question([], "user", [])
	some rule in decision.deny
	rule.id == "security-group"
}

test_with_it_nothing_is_denied if {
	decision := guardrails.decision with input as question(["analysts"], "user", [])
	decision.deny == set()
}

test_retired_products_are_denied if {
	retired := {"status": "retired", "required_security_group": ""}
	given := object.union(question([], "user", []), {"table": {"product": retired}})
	decision := guardrails.decision with input as given
	some rule in decision.deny
	rule.id == "retired"
}

test_social_security_numbers_are_tokens if {
	decision := guardrails.decision with input as question(["analysts"], "user", [column("ssn", "pii.ssn")])
	some rule in decision.masks.ssn
	rule.kind == "token"
}

test_programs_get_no_names if {
	columns := [column("first_name", "pii.name")]
	decision := guardrails.decision with input as question(["analysts"], "service", columns)
	some rule in decision.masks.first_name
	rule.kind == "replace-with-null"
}

test_secrets_are_denied if {
	decision := guardrails.decision with input as question(["analysts"], "user", [column("pin", "secret")])
	count(decision.deny_columns.pin) == 1
}
