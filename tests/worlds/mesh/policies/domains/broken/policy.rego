# METADATA
# title: A package that does not compile
# custom:
#   owner: broken-stewards
#   standing: {care: [care]}
package domains.broken

import rego.v1

decision := {"grants": grants, "rights": set()

