// An agent for pictures: it answers what `screenshots.mjs` asks it, in the control lines of docs/agents.md.

import { createInterface } from 'node:readline'

const put = (line) => console.log(typeof line === 'string' ? line : JSON.stringify(line))
const event = (kind, payload) => put({ type: 'chatEvent', kind, payload })
const tool = (id, name, input, output) => {
  event('toolCall', { id, name, title: input, input: { command: input } })
  event('toolResult', { id, isError: false, output })
}
const END = '~end~'

const FOUND = `The test compares times to the second, and the new runner is fast enough to do both logins **within the same one**.

\`\`\`rust
// tests/login.rs
assert_ne!(first.issued_at, second.issued_at); // fails when both are 12:04:31
assert_ne!(first.id, second.id);               // what is meant
\`\`\`

| run | runner | result |
|---|---|---|
| 812 | old | passed |
| 813 | new | failed |
| 814 | new, 50 times | 31 failed |

I changed the comparison to the session's id; it has passed 200 times in a row since.`

const ANSWERS = {
  'The login test has been failing on CI since yesterday. Can you find out why?': () => {
    event('thinking', { text: 'It began with the new runner, so it may be about time. First the test itself, then what changed.' })
    event('plan', {
      steps: [
        { content: 'Read the test and its last failures', status: 'completed' },
        { content: 'Reproduce it here', status: 'completed' },
        { content: 'Mend it and run it 200 times', status: 'completed' },
      ],
    })
    tool('1', 'Read', 'tests/login.rs', '214 lines')
    tool('2', 'Bash', 'for i in $(seq 50); do cargo test login || echo failed; done', '31 × failed')
    tool('3', 'Edit', 'tests/login.rs', '1 line changed')
    put(FOUND)
    event('usage', { inputTokens: 18_204, outputTokens: 912, costUsd: 0.071 })
    put(END)
  },
  'Thanks! Please push it to a branch of its own.': () => {
    tool('4', 'Bash', 'git switch -c login-by-id && git commit -qam "login test: compare ids"', '1 file changed')
    put({
      type: 'ask',
      interactionId: 'push',
      kind: 'question',
      message: 'Run this command?\n\ngit push --set-upstream origin login-by-id',
      choices: ['Allow once', 'Allow for this session', 'No'],
      defaultIndex: 0,
    })
  },
}

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line.startsWith('{')) {
    put('Pushed. The branch is `login-by-id`, and CI is green.')
    return put(END)
  }
  const answer = ANSWERS[line]
  if (answer) return answer()
  put(`You said: ${line}`)
  put(END)
})
