package change

import "github.com/weirmesh/weir/server/mesh"

// Normal quantiles of the interval that is shown and of the one that decides.
const (
	z95   = mesh.Z95
	z9999 = mesh.Z9999
)

// Wilson gives the 95 % score interval of a share when k of n were counted, 0 to 1; the whole of it when n is zero.
func Wilson(k, n int64) (low, high float64) { return wilson(k, n, z95) }

func wilson(k, n int64, z float64) (low, high float64) { return mesh.Wilson(k, n, z) }
