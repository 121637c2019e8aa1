// Every sentence the browser shows was translated by the server and waits in <template id="words">.

let words;

export function word(name, values = {}) {
  words ??= read();
  return (words.get(name) ?? name).replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

// Messages are rendered once for everybody, so the server's words in them are translated here.
export function localise(root) {
  for (const element of root.querySelectorAll("[data-say]")) element.textContent = word(element.dataset.say);
}

function read() {
  const template = document.getElementById("words");
  const spans = template ? [...template.content.querySelectorAll("[data-word]")] : [];
  return new Map(spans.map((span) => [span.dataset.word, span.textContent.trim()]));
}
