import { numberOf } from "./hall.js";

// The seats as a list, as an alternative to the map: sections, rows, and seats as checkboxes.
export function seatList(place, { words, hall, stateOf, toggle, left, kindWord = () => "", shows = () => true }) {
  const section = document.createElement("select"), row = document.createElement("select"), seats = document.createElement("fieldset");
  const legend = document.createElement("legend");
  let boxes = [];

  const labelled = (text, control, id) => {
    const field = document.createElement("div"), label = document.createElement("label");
    Object.assign(label, { htmlFor: id, textContent: text });
    control.id = id;
    field.append(label, control);
    return field;
  };
  const current = () => hall().sections[section.selectedIndex]?.rows[row.selectedIndex];
  const freeIn = (it) => it.states.split("f").length - 1;

  function options(select, texts) {
    const at = Math.max(0, select.selectedIndex);
    if (select.options.length !== texts.length) select.replaceChildren(...texts.map(() => document.createElement("option")));
    texts.forEach((text, n) => { if (select.options[n].textContent !== text) select.options[n].textContent = text; });
    select.selectedIndex = Math.min(at, texts.length - 1);
  }

  function showRows() {
    const it = hall().sections[section.selectedIndex];
    options(row, it ? it.rows.map((each) => `${words.row.replace("{row}", each.label.toUpperCase())} · ${left({ free: freeIn(each), sold: 0, total: 1 })}`) : []);
  }

  function buildSeats() {
    const it = current();
    boxes = [];
    seats.replaceChildren(legend);
    if (!it) return;
    legend.textContent = words.row.replace("{row}", it.label.toUpperCase());
    for (let seat = it.start; seat < it.start + it.count; seat++) {
      if (it.states[seat - it.start] === "-" || !shows(seat)) continue;
      const box = Object.assign(document.createElement("input"), { type: "checkbox" }), text = document.createElement("span");
      text.textContent = numberOf(it, seat);
      const label = Object.assign(document.createElement("label"), { className: "seat-box" });
      if (kindWord(seat)) text.append(sign(hall().kind[seat]));
      label.append(box, text);
      box.addEventListener("change", () => {
        toggle(seat);
        show();
      });
      boxes.push({ seat, box, label, number: `${text.textContent}${kindWord(seat)}` });
      seats.append(label);
    }
    showSeats();
  }

  function sign(kind) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS(svg.namespaceURI, "use");
    svg.setAttribute("class", "kind");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", kind === 1 ? "#kind-a" : "#kind-c");
    svg.append(use);
    return svg;
  }

  function showSeats() {
    for (const { seat, box, label, number } of boxes) {
      const state = stateOf(seat);
      box.checked = state === "chosen" || state === "mine";
      box.disabled = state !== "chosen" && state !== "free";
      label.dataset.state = state;
      box.setAttribute("aria-label", `${number}, ${words[`is${state[0].toUpperCase()}${state.slice(1)}`]}`);
    }
  }

  function show() {
    if (!place.open) return;
    options(section, hall().sections.map((it) => `${it.name} · ${left(it)}`));
    showRows();
    showSeats();
  }

  function rebuild() {
    show();
    buildSeats();
  }

  seats.className = "seat-boxes";
  const body = place.querySelector("[data-list-body]");
  body.replaceChildren(labelled(words.section, section, "list-section"), labelled(words.rows, row, "list-row"), seats);
  section.addEventListener("change", () => { row.selectedIndex = 0; showRows(); buildSeats(); });
  row.addEventListener("change", buildSeats);
  place.addEventListener("toggle", rebuild);
  return { show, rebuild };
}
