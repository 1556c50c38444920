// What a scripted agent does in a turn, chosen by the first word of the prompt. README.md has the table.
//
// A turn is an object of the program's own with
//   session, cancel, model      its session, its `Cancel`, the model it was told to use
//   say(message, put?)          streams a message, a text or its pieces as they come, each written by `put`
//   think(text)                 streams a thought
//   delta(text)                 one piece of a message as a value of the wire
//   tool() plan(steps)          a tool call with its result, a plan
//   ask(tool)                   asks for permission: 'once', 'always', 'denied', 'cancelled'
//   request()                   asks the client for something it does not offer, gives what it answered
//   done() cancelled() fail(m)  the three ways for a turn to end
//   odd() wrong() wrongEnd()    values of an unknown kind, of a wrong shape, an end of a wrong shape

import { deaf, halves, line, never, pieces, sleep, write } from './stage.mjs'

export const COMMAND = { kind: 'command', command: 'rm -rf build', reason: 'Remove the build' }
export const READING = { kind: 'read', command: 'cat README.md', path: 'README.md', reason: 'Read a file' }

/** A message that does not end until the turn is cancelled. */
async function* ticks(turn) {
  for (let tick = 1; !turn.cancel.asked; tick += 1) {
    yield `tick ${tick} `
    await Promise.race([turn.cancel.wait(), sleep(50)])
  }
}

async function permission(turn, tool) {
  if (turn.session.always.has(tool.kind)) return turn.say('allowed: remembered')
  const answer = await turn.ask(tool)
  if (answer === 'cancelled') return turn.cancel.ask()
  if (answer === 'always') turn.session.always.add(tool.kind)
  return turn.say(answer === 'denied' ? 'denied' : `allowed: ${answer}`)
}

/** Nothing comes any more, whatever the client says; the next SIGINT ends the process. */
function unmoved() {
  process.removeAllListeners('SIGINT')
  return never()
}

const ACTS = {
  say: (turn, text) => turn.say(text),
  think: async (turn) => {
    await turn.think('Let me think about it.')
    await turn.say('I thought about it.')
  },
  tool: async (turn) => {
    await turn.tool()
    await turn.say('I listed the files.')
  },
  plan: async (turn) => {
    await turn.plan([['Read the code', 'completed'], ['Change it', 'inProgress'], ['Test it', 'pending']])
    await turn.say('That is the plan.')
  },
  ask: (turn) => permission(turn, COMMAND),
  read: (turn) => permission(turn, READING),
  request: async (turn) => turn.say(`refused: ${await turn.request()}`),
  slow: (turn) => turn.say(ticks(turn)),
  stubborn: async (turn) => {
    await turn.say('I shall not stop.')
    await unmoved()
  },
  deaf: async (turn) => {
    deaf()
    await turn.say('I hear nothing.')
    await never()
  },
  stall: unmoved,
  noise: async (turn) => {
    for (const text of ['This is not JSON.', '{"half":', '42', '"text"', 'null', '[]', '', '   ']) line(text)
    turn.odd().forEach(write)
    await turn.say('line one\u2028line two\u2029')
    await turn.say('ü€😀', halves)
    await turn.say('noise over', (value) => line(`${JSON.stringify(value)}\r`))
  },
  huge: async (turn, text) => {
    write(turn.delta('x'.repeat((Number(text) || 32) * 2 ** 20)))
    await turn.say('still here')
  },
  flood: async (turn, text) => {
    const numbers = Array.from({ length: Number(text) || 10_000 }, (_, at) => `${String(at % 100).padStart(2, '0')} `)
    await turn.say(numbers.join(''))
  },
  'late-ask': async (turn) => {
    await turn.say(ticks(turn))
    await turn.ask(COMMAND)
  },
  crash: async (turn) => {
    await turn.say('I am about to')
    process.exit(3)
  },
  wrong: async (turn) => {
    turn.wrong().forEach(write)
    await turn.say('still here')
  },
  count: (turn) => turn.say(String(turn.session.prompts)),
  model: (turn) => turn.say(`model: ${turn.model ?? 'default'}`),
  cwd: (turn) => turn.say(process.cwd()),
  args: (turn) => turn.say(JSON.stringify(process.argv.slice(2))),
  env: (turn, text) => turn.say(process.env[text] ?? 'unset'),
  quiet: () => {},
}

/** Plays one turn to its end, which `wrong-end`, `twice` and `after` do in their own way. */
export async function play(turn, prompt) {
  const [, word, text] = prompt.match(/^\s*(\S*)\s?([^]*)$/)
  turn.session.prompt(prompt)
  if (word === 'error') return turn.fail(text || 'the model is overloaded')
  if (word === 'wrong-end') return turn.wrongEnd().forEach(write)
  const act = Object.hasOwn(ACTS, word) ? ACTS[word] : () => turn.say(`You said: ${prompt}`)
  await act(turn, text)
  if (turn.cancel.asked) return turn.cancelled()
  turn.done()
  if (word === 'twice') turn.done()
  if (word === 'after') write(turn.delta('one thing more'))
}

/** Writes a message, a text or its pieces as they come, and remembers it; gives the text. */
export async function stream(turn, message, put = write) {
  let text = ''
  for await (const piece of typeof message === 'string' ? pieces(message) : message) {
    await put(turn.delta(piece))
    text += piece
  }
  turn.session.answer(text)
  return text
}
