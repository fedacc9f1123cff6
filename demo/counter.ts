export enum Step {
    One = 1,
    Ten = 10,
}

export class Counter {
    constructor(
        private count = 0,
        private readonly step: Step = Step.One,
    ) {}

    next(): number {
        this.count += this.step;
        return this.count;
    }
}
