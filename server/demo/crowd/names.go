package crowd

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// words are what names are made of.
type words struct {
	subjects, tasks  []string // of services
	domains, areas   []string // of namespaces
	gateways, beyond []string
}

func newWords() words {
	return words{
		subjects: strings.Fields(`cart order user price stock mail search image video auth billing coupon review profile session catalog payment
			refund parcel route fraud ledger invoice wallet chat feed media report quota audit`),
		tasks: strings.Fields("ads api sync index cache store rank events worker rules view write quote export proxy match score stream lookup history"),
		domains: strings.Fields(`shop payments identity search logistics media growth risk finance support platform partners inventory messaging
			analytics pricing delivery accounts content trust`),
		areas:    strings.Fields("core edge data eu us apac labs batch mobile ops web internal"),
		gateways: strings.Fields("ingress mobile partners internal admin events edge legacy batch"),
		beyond: strings.Fields(`api.cards.example.com smtp.mail.example.net maps.tiles.example.com sms.gateway.example.net api.tax.example.org
			storage.bucket.example.com hooks.partner.example.org id.social.example.com rates.bank.example.net cdn.images.example.com
			api.weather.example.org push.phones.example.net`),
	}
}

// namespaces names about a twentieth as many groups as there are services.
func (w words) namespaces(services int) []string {
	list := make([]string, max(2, services/20))
	for i := range list {
		list[i] = w.domains[i%len(w.domains)]
		if round := i / len(w.domains); round > 0 {
			list[i] += "-" + w.areas[(round-1)%len(w.areas)]
			if again := (round - 1) / len(w.areas); again > 0 {
				list[i] += strconv.Itoa(again + 1)
			}
		}
	}
	return list
}

// service names a service within its namespace. The number makes it the only one in the mesh.
func (w words) service(r *rand.Rand, number int) string {
	return w.subjects[r.IntN(len(w.subjects))] + "-" + w.tasks[r.IntN(len(w.tasks))] + "-" + strconv.Itoa(number)
}
