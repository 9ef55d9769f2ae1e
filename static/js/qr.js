/* Draws a QR code as SVG: dark squares on white, with the four modules of quiet around it. */

import { encode } from "../vendor/uqr/uqr.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const LONGEST = 1200;
const DENSE = 600;

export function drawQr(text, label) {
  if (new TextEncoder().encode(text).length > LONGEST) return null;
  const { data, size } = encode(text, { ecc: text.length > DENSE ? "L" : "M", border: 4 });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  const svg = element("svg", { viewBox: `0 0 ${size} ${size}`, "shape-rendering": "crispEdges", role: "img", "aria-label": label });
  svg.append(element("rect", { width: size, height: size, fill: "#fff" }), element("path", { d: path, fill: "#000" }));
  return svg;
}

function element(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
