/* Names that the two halves of network files share. docs/format.md, "Networks". */
#ifndef SNNK_MODEL_NETWORK_FILE_H
#define SNNK_MODEL_NETWORK_FILE_H

#define SNNK__NETWORK_KEY "snnk.network" /* the JSON text that describes the layers */
#define SNNK__NOTE_PREFIX "note."        /* before the key of a note */

#endif
