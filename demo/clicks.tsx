// Runs in the browser; the page's import map says what JSX is made with.
export const Clicks = ({ times }: { times: number }) => (
    <button>
        Clicked <span>{times}</span> {times === 1 ? 'time' : 'times'}
    </button>
);
