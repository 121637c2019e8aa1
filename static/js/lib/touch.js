// A phone or tablet: Enter is a newline there, and focus would open the keyboard. Touch laptops have hover.
export function isTouch() {
  return matchMedia("(pointer: coarse) and (hover: none)").matches;
}
