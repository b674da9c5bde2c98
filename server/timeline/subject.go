package timeline

import (
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// refOf gives the object that a graph id stands for. Ids of what is outside the mesh stand for none.
func refOf(id string) mesh.Ref {
	if name, ok := strings.CutPrefix(id, mesh.GatewayID("")); ok {
		return mesh.Ref{Kind: mesh.KindGateway, Name: name}
	}
	if name, ok := strings.CutPrefix(id, mesh.ServiceID("")); ok {
		return mesh.Ref{Kind: mesh.KindService, Name: name}
	}
	if id == "" || id == mesh.UnknownID || strings.HasPrefix(id, mesh.ExternalID("")) {
		return mesh.Ref{}
	}
	return mesh.Ref{Kind: mesh.KindNode, Name: id}
}

// checkSubject refuses half an edge.
func checkSubject(of mesh.Subject) error {
	if of.From != "" && of.To == "" {
		return mesh.Errorf(mesh.Invalid, "an edge has two ends: say where the calls of %s go, too", of.From)
	}
	return nil
}
