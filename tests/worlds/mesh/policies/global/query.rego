# METADATA
# title: Study data never meets members
# custom:
#   owner: platform
package global.query

import rego.v1

decision := {"deny": deny, "obligations": set()}

names contains t.fqn if some t in input.tables

deny contains {"id": "toxic", "reason": {"message": "events and members may not be combined", "disclose": true}} if {
	"health.claims.events" in names
	"health.members.members" in names
}
