# METADATA
# title: One round trip for all tables of a query
# custom:
#   owner: platform
package platform.batch

import rego.v1

# One entry per table, in the order asked; an empty list means undefined, which denies.
decisions := [entry |
	some item in input.tables
	one := object.union(input.common, item)
	entry := {
		"fqn": item.table.fqn,
		"global": [x | x := data.global.guardrails.decision with input as one],
		"domain": [x | x := data.domains[item.table.domain].decision with input as one],
	}
]

# The query as a whole; empty when no list of its tables was sent.
query := [x |
	listed := input.query
	x := data.global.query.decision with input as object.union(input.common, {"tables": listed})
]

answer := {"decisions": decisions, "query": query}
