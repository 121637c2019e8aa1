// Say beside the composer why something was not done; an empty sentence takes it back.
export function refuse(sentence = "") {
  const line = document.getElementById("refusal");
  if (!line) return;
  line.textContent = sentence;
  line.hidden = !sentence;
}
