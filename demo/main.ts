// Edit this file and reload the page: the new JavaScript is there.
import { Counter, Step } from './counter';

const app = document.querySelector<HTMLElement>('#app')!;
const counter = new Counter(0, Step.One);

app.innerHTML = `
    <h1>Hello from a realm</h1>
    <p>This page's script is TypeScript and its style sheet is Sass; each was transpiled by a WebAssembly plugin.</p>
    <button>Clicked <span>0</span> times</button>
`;
app.querySelector('button')!.addEventListener('click', () => {
    app.querySelector('span')!.textContent = String(counter.next());
});
