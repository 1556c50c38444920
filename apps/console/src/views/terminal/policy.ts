/**
 * The Content-Security-Policy takes style sheets of our own server only, and xterm writes its colours and measures into `<style>`
 * elements and `style` attributes. The browser refuses those and takes the same rules as constructed style sheets and properties
 * (CSSOM), so that is where they are put.
 */

/** Stands for a `<style>` element: what is written into it is in force. */
function sheet(create: typeof document.createElement): HTMLElement {
  const element = create('span')
  const rules = new CSSStyleSheet()
  element.hidden = true
  Object.defineProperty(element, 'textContent', { set: (text: string) => rules.replaceSync(text) })
  document.adoptedStyleSheets.push(rules)
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== rules)
    Element.prototype.remove.call(element)
  }
  return element
}

/** Does what makes `<style>` elements. xterm makes all of them while it opens a terminal, and changes and removes them later. */
export function withStyles(action: () => void): void {
  const create = document.createElement.bind(document)
  const made = (name: string, options?: ElementCreationOptions): HTMLElement =>
    name === 'style' ? sheet(create) : create(name, options)
  document.createElement = made as typeof document.createElement
  try {
    action()
  } finally {
    // What hid the method of the prototype is gone.
    delete (document as Partial<Pick<Document, 'createElement'>>).createElement
  }
}

/** xterm colours its `<span>` elements one by one by `setAttribute('style', …)`. For all of them it means from here on what it says. */
export function allowStyleAttributes(): void {
  const { setAttribute } = Element.prototype
  HTMLSpanElement.prototype.setAttribute = function (name, value) {
    if (name === 'style') this.style.cssText = value
    else setAttribute.call(this, name, value)
  }
}
