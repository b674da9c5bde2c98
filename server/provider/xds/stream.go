package xds

import (
	"errors"
	"io"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// deltaStream is one proxy's stream.
type deltaStream = discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer

// ads is the discovery service: delta only.
type ads struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	server *Server
}

// StreamAggregatedResources refuses the state-of-the-world protocol.
func (a ads) StreamAggregatedResources(discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return status.Error(codes.Unimplemented, "Weir speaks delta xDS: set api_type DELTA_GRPC in the proxy's ads_config (see weir bootstrap)")
}

// DeltaAggregatedResources serves one proxy. Receiving and sending are two goroutines, so that a proxy that stops
// reading holds up nobody, itself not heard from included.
func (a ads) DeltaAggregatedResources(stream deltaStream) error {
	s := a.server
	if err := s.enter(stream.Context()); err != nil {
		return err
	}
	first, err := firstOf(stream.Recv)
	if err != nil {
		return ended(err)
	}
	identity, st, err := s.identify(stream.Context(), first.GetNode())
	if err != nil {
		return err
	}
	defer s.unhold(st)
	first.Node = nil // Not kept for the life of the stream.
	x, err := s.join(identity, peerOf(stream.Context()))
	if err != nil {
		return err
	}
	defer s.leave(x)

	received := make(chan error, 1)
	go func() { received <- s.receive(x, stream, first) }()
	leaving, parting := s.leaving.begun, (<-chan time.Time)(nil)
	for {
		select {
		case <-leaving:
			leaving, parting = nil, s.leaving.parting()
		case <-parting:
			return errDraining()
		case <-x.wake:
			if err := s.send(x, stream); err != nil {
				return ended(err)
			}
		case err := <-received:
			return ended(err)
		case <-x.closed:
			return x.reason.Err()
		case <-st.over:
			return st.errOver()
		case <-s.stopping:
			return status.Error(codes.Unavailable, "Weir is stopping")
		}
	}
}

// receive takes the proxy's messages until the stream ends.
func (s *Server) receive(x *session, stream deltaStream, req *discoveryv3.DeltaDiscoveryRequest) error {
	for {
		if k, ok := kindOf(req.GetTypeUrl()); ok {
			s.mu.Lock()
			x.feed.request(k, req, s.now())
			if req.GetErrorDetail() != nil {
				s.nacks++
			}
			s.mu.Unlock()
			x.poke()
		} else {
			s.log.Debug("proxy asks for an unknown type", "proxy", x.id, "type", req.GetTypeUrl())
		}
		var err error
		if req, err = stream.Recv(); err != nil {
			return err
		}
	}
}

// send sends until there is nothing more to send for now.
func (s *Server) send(x *session, stream deltaStream) error {
	for {
		resp := s.step(x)
		if resp == nil {
			return nil
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

// step gives the next message for a session, or takes note of where it stands.
func (s *Server) step(x *session) *discoveryv3.DeltaDiscoveryResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	resp, st := x.feed.next(x.snapshot(), now)
	if resp != nil {
		s.sent += int64(len(resp.GetResources()) + len(resp.GetRemovedResources()))
		x.standing, x.standingFor = standing{}, x.target
		return resp
	}
	if x.target != nil {
		s.settled(x, st, now)
	}
	return nil
}

// ended turns the end of a stream into its status: a proxy that hangs up is no error.
func ended(err error) error {
	if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
		return nil
	}
	return err
}
