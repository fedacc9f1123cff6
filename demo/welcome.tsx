// How the card in `index.json` looks, in each of the formats that others may show it in.

interface Words {
    title: string;
    text: string;
    facts: string[];
}

export class Welcome {
    static title = ({ title }: Words) => title;

    static head = ({ text }: Words) => (
        <>
            <meta name="description" content={text} />
            <link rel="stylesheet" href="./styles/main.scss" />
            <script type="module" src="./main.ts"></script>
        </>
    );

    static isolated = ({ title, text, facts }: Words) => (
        <main>
            <h1>{title}</h1>
            <p>{text}</p>
            <ul>
                {facts.map((fact) => (
                    <li>{fact}</li>
                ))}
            </ul>
            <div id="clicks"></div>
        </main>
    );

    static embedded = ({ title, text }: Words) => (
        <article>
            <h2>{title}</h2>
            <p>{text}</p>
        </article>
    );

    static atom = ({ title }: Words) => <span>{title}</span>;
}
