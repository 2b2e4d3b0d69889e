// Makes the map interactive: a point shows its photo under the pointer and by the arrow keys, and the names of the
// labels below the map switch their points on and off. Without this script the map is a picture.
"use strict";
(() => {
  const data = document.getElementById("map-points");
  const chart = document.querySelector("#map .chart");
  if (!data || !chart) return;
  const photos = JSON.parse(data.textContent);
  const card = document.getElementById("map-card");
  const points = []; // all points in the order of the labels: element, group id, place in the group
  for (const id of Object.keys(photos)) {
    document.getElementById(id)?.querySelectorAll("use").forEach((point, place) => points.push({ point, id, place }));
  }
  const known = new Map(points.map((one, number) => [one.point, number]));
  let shown = -1;

  function show(number) {
    points[shown]?.point.classList.remove("chosen");
    shown = number;
    const one = points[number];
    one.point.classList.add("chosen");
    const [path, picture] = photos[one.id][one.place] ?? ["", null];
    card.replaceChildren();
    if (picture) {
      const image = document.createElement("img");
      image.src = picture;
      image.alt = "";
      card.append(image);
    }
    card.append(path);
  }

  chart.addEventListener("pointerover", (event) => {
    const number = known.get(event.target.closest("use"));
    if (number !== undefined) show(number);
  });
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !points.length) return;
    event.preventDefault();
    for (let tried = 0, number = shown; tried < points.length; tried += 1) {
      number = (number + step + points.length) % points.length;
      if (!document.getElementById(points[number].id).classList.contains("off")) { show(number); return; }
    }
  });

  const keys = [...document.querySelectorAll("#map-keys button")];
  const set = (key, on) => {
    key.setAttribute("aria-pressed", String(on));
    document.getElementById(key.dataset.group)?.classList.toggle("off", !on);
  };
  for (const key of keys) {
    key.disabled = false;
    key.addEventListener("click", () => set(key, key.getAttribute("aria-pressed") !== "true"));
  }
  for (const [id, on] of [["map-all", true], ["map-none", false]]) {
    const button = document.getElementById(id);
    button.hidden = false;
    button.addEventListener("click", () => keys.forEach((key) => set(key, on)));
  }
  document.getElementById("map-hint").hidden = false;
})();
