# METADATA
# title: A catalog that the recording read beside the lake
# custom:
#   owner: tests
#   standing: {whole: [whole], part: [part]}
package domains.recorded

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": set(), "masks": {},
	"deny_columns": {}, "obligations": set(),
}

grants contains "standing:whole" if "whole" in input.subject.groups

grants contains "standing:part" if "part" in input.subject.groups
