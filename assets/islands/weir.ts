// What every page downloads.

import "./weir-live";
import "./weir-refresh";
import "./weir-change";
import "./weir-weights";
import "./weir-draft";
import "./weir-rows";
import "./weir-pool";
import "./weir-copy";
import "./weir-plot";
import "./weir-palette";
import "./header";
