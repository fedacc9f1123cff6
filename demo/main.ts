// Edit this file and reload the page: the new JavaScript is there.
import { Clicks } from './clicks.tsx';
import { Counter, Step } from './counter';

const place = document.querySelector<HTMLElement>('#clicks')!;
const counter = new Counter(0, Step.One);
const show = (times: number) => {
    place.innerHTML = String(Clicks({ times }));
};

place.addEventListener('click', () => show(counter.next()));
show(0);
