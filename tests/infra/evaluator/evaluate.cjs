// node evaluate.cjs <folder of node_modules>: reads {simulations: [...]} from stdin and prints one result a line.
//
// A simulation has the shape of @cloud-copilot/iam-simulate. The library checks the names of actions, the kinds of
// resources and the condition keys against AWS's service authorization reference. An error of this check is printed.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");

const { runSimulation } = createRequire(`${process.argv[2]}/`)("@cloud-copilot/iam-simulate");

async function main() {
  const { simulations } = JSON.parse(readFileSync(0, "utf8"));
  for (const simulation of simulations) {
    const found = await runSimulation(simulation, {});
    console.log(JSON.stringify(found));
  }
}

main();
