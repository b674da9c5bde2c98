// What the topology page downloads beside weir.js.

import "./weir-graph";
import "./weir-scrubber";
import "./weir-tv";
