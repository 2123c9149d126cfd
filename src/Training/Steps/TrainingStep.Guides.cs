using ILGPU;
using ILGPU.Runtime;
using Lia.Network.Cuda;

namespace Lia.Training.Steps;

/// <content>What the generator is told beyond pictures: labels of their movement, and where surfaces lie.</content>
internal sealed partial class TrainingStep
{
    private ArrayView<float> _guide, _labels, _moves, _codes;
    private ArrayView<byte> _depths, _partNumbers;

    // Pictures whose codes are found: sources, driving ones and starts, or the targets alone.
    private int CodedPictures => (_settings.IsSupervised ? 3 : 1) * Pairs;

    public float[] Codes(TrainingBatch batch)
    {
        UploadPictures(batch);
        _encode.Enqueue(_stream);
        float[] codes = new float[_codes.Length];
        _codes.CopyToCPU(_stream, codes.AsSpan());
        return codes;
    }

    private void AllocateGuides()
    {
        _guide = Allocate<float>(1);
        if (_settings.Labels > 0) _labels = Allocate<float>((long)CodedPictures * _settings.Labels);
        if (_settings.Parts == 0) return;
        _depths = Allocate<byte>((long)Pairs * _picture / 3);
        _partNumbers = Allocate<byte>(_depths.Length);
        _moves = Allocate<float>((long)Pairs * _settings.Parts * TargetSurfaces.MoveLength);
    }

    private void UploadGuides(TrainingBatch batch, StepRates rates)
    {
        _guide.CopyFromCPU(_stream, [rates.Guide]);
        if (_settings.Labels > 0) _uploads.Upload(_stream, batch.Labels!, _labels);
        if (_settings.Parts == 0) return;
        if (batch.Surfaces is not { } surfaces)
        {
            _partNumbers.MemSetToZero(_stream);
            return;
        }
        _uploads.Upload(_stream, surfaces.Depths, _depths);
        _uploads.Upload(_stream, surfaces.PartNumbers, _partNumbers);
        _uploads.Upload(_stream, surfaces.Moves, _moves);
    }

    private GeneratorOperands Guided(GeneratorOperands operands) => operands with
    {
        Labels = _settings.Labels == 0 ? null
            : new(_labels, _settings.Labels, (float)_settings.LabelWeight, _guide, Slot(LabelSlot)),
        Surfaces = _settings.Parts == 0 ? null
            : new(_depths, _partNumbers, _moves, _settings.Parts, (float)_settings.SurfaceWeight, _guide, Slot(SurfaceSlot)),
    };

    // Nothing else is reserved where the codes lie.
    private IReadOnlyList<CudaStep> BuildEncode(ArenaLayout arena)
    {
        Tape tape = new(_loader, arena, Arithmetic, _packed);
        _generator.Pack(tape);
        _codes = new GeneratorLayers(tape, _generator, _graph, Operands) { Learns = false }.Encode();
        return tape.Steps;
    }
}
