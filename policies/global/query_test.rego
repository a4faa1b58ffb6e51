package global.query_test

import data.global.query
import rego.v1

rates := {"fqn": "lake.providers.contracts", "domain": "providers", "tags": ["confidential"]}

health := {"fqn": "lake.claims.claims", "domain": "claims", "tags": ["phi"]}

test_rates_with_health_are_denied if {
	decision := query.decision with input as {"tables": [rates, health]}
	count(decision.deny) == 1
}

test_each_alone_is_fine if {
	every listed in [rates, health] {
		decision := query.decision with input as {"tables": [listed]}
		decision.deny == set()
	}
}
