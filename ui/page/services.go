package page

import (
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// Services is the list of a mesh's virtual services, worst first unless it is sorted otherwise.
type Services struct {
	Shell
	List   Listing
	Rows   []ServiceRow
	Others []WorkloadRow // virtual nodes and gateways that no service leads to
}

// ServiceRow is one virtual service.
type ServiceRow struct {
	Name     string
	Health   mesh.Health
	Why      string // the worst cause in words; "" when well
	Provider string // "router reviews", "node ratings"
	Split    []component.Segment
	Rate     float64
	Errors   float64
	P95      float64
	Trend    []float64
	Callers  int
}

// WorkloadRow is a workload that calls and is not called by name.
type WorkloadRow struct {
	Name, Kind, Href string
	Health           mesh.Health
	Rate             float64
	Errors           float64
	P95              float64
}
