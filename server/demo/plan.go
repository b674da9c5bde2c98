package demo

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// usual is how each node's application answers when nothing is wrong. None of them fails by itself: what fails in the
// demo was made to.
func usual(node string) Behaviour {
	ms := func(n int) Behaviour {
		return Behaviour{Latency: mesh.Duration(time.Duration(n) * time.Millisecond), Spread: 0.4}
	}
	switch node {
	case "payment":
		return ms(20)
	case "reviews-v1":
		return ms(8)
	case "reviews-v2", "cart":
		return ms(6)
	case "front", "catalog", "ratings", "b-prime":
		return ms(4)
	default:
		return ms(3)
	}
}

// calls lists the services that a service's application calls for each request, one after the other. They are its
// backends but for one: catalog declares ratings and never calls it.
func calls(service string) []string {
	switch service {
	case "front":
		return []string{"catalog", "reviews"}
	case "catalog":
		return []string{"inventory"}
	case "reviews":
		return []string{"ratings"}
	case "cart":
		return []string{"payment", "inventory"}
	case "a":
		return []string{"b"}
	default:
		return nil
	}
}

// serviceOf is the service whose version a node of the sample mesh is.
func serviceOf(node string) string {
	switch node {
	case "reviews-v1", "reviews-v2":
		return "reviews"
	case "b-prime":
		return "b"
	default:
		return node
	}
}

// visit is one kind of request that people make.
type visit struct {
	url     string
	host    string  // empty: the URL's
	service string  // the first service that sees it
	share   float64 // of all visits
}

// visits is what goes through the gateway.
func (d *Demo) visits() []visit {
	at := d.Gateway()
	return []visit{
		{url: at + "/", service: "front", share: 0.3},
		{url: at + "/reviews/7", service: "reviews", share: 0.3},
		{url: at + "/cart", service: "cart", share: 0.2},
		{url: at + "/a", service: "a", share: 0.2},
	}
}

// outsideShare is the rate of the caller outside the mesh beside that of the gateway.
const outsideShare = 0.1

// outsideVisits is what a program that is not in the mesh yet calls: inventory, at its proxy, without one of its own.
func (d *Demo) outsideVisits() []visit {
	for _, p := range d.proxies {
		if p.Node == "inventory" {
			return []visit{{url: d.ingress(p) + "/", host: "inventory", service: "inventory", share: 1}}
		}
	}
	return nil
}

// arrivals is how many requests per second reach a service while nothing fails.
func (d *Demo) arrivals(service string) float64 {
	rate := 0.0
	for _, v := range d.visits() {
		rate += d.options.Rate * v.share * reached(v.service, service)
	}
	for _, v := range d.outsideVisits() {
		rate += d.options.Rate * outsideShare * v.share * reached(v.service, service)
	}
	return rate
}

// reached counts how often a request to one service comes to another.
func reached(from, service string) float64 {
	if from == service {
		return 1
	}
	n := 0.0
	for _, c := range calls(from) {
		n += reached(c, service)
	}
	return n
}
