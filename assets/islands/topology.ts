// What the topology page downloads beside weir.js.

import "./weir-graph";
import "./weir-scrubber";
